// @ts-check
/** Plain text as Markdown. */
export const text = (/** @type {string} */ plain) => plain.replace(/[\\`*_{}[\]<>#|~]/g, '\\$&');
