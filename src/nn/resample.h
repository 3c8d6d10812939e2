/* resample.h - reshapes pictures [height, width, channels]; values are copied, not changed (internal). */
#ifndef PAL_RESAMPLE_H
#define PAL_RESAMPLE_H

/* Turns squares of patch * patch pixels into one pixel each, with channel index (dy * patch + dx) * channels + c, and
 * back. height and width are the picture's, multiples of patch. */
void pal_to_patches(float *y, const float *x, int height, int width, int channels, int patch);
void pal_from_patches(float *y, const float *x, int height, int width, int channels, int patch);

/* y [height, width, channels]; each pixel is copied from half its row and column in x. x has half the height and width,
 * rounded up. */
void pal_double_extent(float *y, const float *x, int height, int width, int channels);

/* y [pixels, a + b] = x [pixels, a] and z [pixels, b], concatenated per pixel. */
void pal_join_channels(float *y, const float *x, int a, const float *z, int b, int pixels);

#endif
