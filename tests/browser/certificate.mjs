// @ts-check
/* A certificate for a server of the tests, signed by itself: the page asks other origins by https only. */
import { generateKeyPairSync, sign } from 'node:crypto';

/** A value of DER: its tag, its length, its content. */
function der(/** @type {number} */ tag, /** @type {(Uint8Array | number[])[]} */ ...parts) {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const size = content.length < 128 ? [content.length] : content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (/** @type {(Uint8Array | number[])[]} */ ...parts) => der(0x30, ...parts);
const time = (/** @type {Date} */ at) => der(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`));
const ECDSA_SHA256 = sequence([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
const DAY = 24 * 3600e3;

export function certificate() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence([6, 3, 0x55, 4, 3], der(0x0c, Buffer.from('localhost')))));
  const alternatives = sequence(der(0x82, Buffer.from('localhost')), der(0x87, [127, 0, 0, 1]));
  const extensions = der(0xa3, sequence(sequence([6, 3, 0x55, 0x1d, 0x11], der(4, alternatives))));
  const now = Date.now();
  const body = sequence(
    der(0xa0, [2, 1, 2]), [2, 1, 1], ECDSA_SHA256, name, sequence(time(new Date(now - DAY)), time(new Date(now + 30 * DAY))), name,
    publicKey.export({ type: 'spki', format: 'der' }), extensions,
  );
  const whole = sequence(body, ECDSA_SHA256, der(3, [0], sign('sha256', body, privateKey)));
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n');
  return { cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}
