import { X509Certificate } from 'node:crypto';
import { dirname } from 'node:path';
import { readBounded } from './bounded-file.js';
import { ConfigError } from './errors.js';
import { resolvePath } from './paths.js';

/** The bundle of all public authorities has about 220 KB. */
const maxFileBytes = 2_097_152;
const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/**
 * The certificates in a file, as PEM.
 *
 * @param key that names the file, such as `account.ca_file`.
 * @param path as written; relative to the folder of the configuration `file`.
 * @throws ConfigError `ERR_CONFIG_SECRET` when it cannot be read or holds none that can be used.
 */
export async function readCertificates(key: string, path: string, file: string): Promise<string> {
  const resolved = resolvePath(path, dirname(file));
  const broken = (problem: string, cause?: unknown): ConfigError =>
    new ConfigError('ERR_CONFIG_SECRET', `${file}: ${key} names ${resolved}, ${problem}.`, cause);
  let text: string;
  try {
    text = Buffer.from(await readBounded(resolved, maxFileBytes)).toString('latin1');
  } catch (cause) {
    const { code } = cause as { code?: string };
    throw broken(`which cannot be read (${code ?? 'no reason given'}): correct the path or the permissions`, cause);
  }
  const certificates = text.match(certificate) ?? [];
  if (certificates.length === 0) throw broken('which holds no certificate in PEM: name the right file');
  if (!certificates.every(isCertificate)) throw broken('which holds a certificate that is damaged: get it anew');
  return `${certificates.join('\n')}\n`;
}
