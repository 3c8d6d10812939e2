// @ts-check
/** The anchor of a heading, as code hosts make it. */
export const slug = (/** @type {string} */ heading) => heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-');
