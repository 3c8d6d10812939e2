/** Colours of the plots, from the style sheet (lab.css), for both schemes. */

const styles = () => getComputedStyle(document.documentElement);
export const colour = (name: string): string => styles().getPropertyValue(`--${name}`).trim();

export const TONES = 6;
export const tone = (number: number): string => colour(`tone-${number % TONES}`);

/** Lines differ by their dashes too, so that colours are not needed. */
export const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [16, 4]];
