// @ts-check
/* Gives a model file a chat template. */
const STRING = 8, ALIGNMENT = 32;

export const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** The file with the key tokenizer.chat_template before its other keys.  It must not have one, and its data must be aligned to 32
 *  bytes: a comment in the template keeps the data where it has to be. */
export function withTemplate(/** @type {Buffer} */ file, /** @type {string} */ template) {
  const name = Buffer.from('tokenizer.chat_template');
  const bare = 8 + name.length + 4 + 8 + Buffer.byteLength(template) + 4;
  const text = Buffer.from(`${template}{#${'-'.repeat((ALIGNMENT - (bare % ALIGNMENT)) % ALIGNMENT)}#}`);
  const head = Buffer.from(file.subarray(0, 24));
  head.writeBigUInt64LE(head.readBigUInt64LE(16) + 1n, 16);
  const key = Buffer.alloc(8 + name.length + 4 + 8);
  key.writeBigUInt64LE(BigInt(name.length));
  name.copy(key, 8);
  key.writeUInt32LE(STRING, 8 + name.length);
  key.writeBigUInt64LE(BigInt(text.length), 12 + name.length);
  return Buffer.concat([head, key, text, file.subarray(24)]);
}
