/* resample.h - pictures [height, width, channels] in other shapes: values move, nothing is computed (internal). */
#ifndef PAL_RESAMPLE_H
#define PAL_RESAMPLE_H

/* Squares of patch * patch pixels become one place with channel (dy * patch + dx) * channels + c, and back.  height
 * and width are the picture's, multiples of patch. */
void pal_to_patches(float *y, const float *x, int height, int width, int channels, int patch);
void pal_from_patches(float *y, const float *x, int height, int width, int channels, int patch);

/* y [height, width, channels], each pixel the one at half its row and column in x, which is half as high and as wide,
 * rounded up. */
void pal_double_extent(float *y, const float *x, int height, int width, int channels);

/* y [pixels, a + b] := x [pixels, a] beside z [pixels, b]. */
void pal_join_channels(float *y, const float *x, int a, const float *z, int b, int pixels);

#endif
