import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readCertificates } from './certificates.js';
import { fileError, type NamedFile, readNamedFile } from './named-file.js';

/** A certificate with those it was signed with, and its private key, in PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads both and looks whether they belong together.
 *
 * @throws ConfigError `ERR_CONFIG_SECRET`.
 */
export async function readTlsFiles(cert: NamedFile, key: NamedFile): Promise<TlsFiles> {
  const chain = await readCertificates(cert.key, cert.path, cert.file);
  const pem = await readNamedFile(key);
  const own = new X509Certificate(chain);
  let belongs: boolean;
  try {
    belongs = own.checkPrivateKey(createPrivateKey(pem));
  } catch {
    // The error is not told: nobody knows what of the file is in it.
    throw fileError(key, 'which is no private key in PEM without a passphrase: name the right file');
  }
  if (!belongs) throw fileError(key, `which is not the key of the certificate in ${cert.key}: name the right files`);
  return { cert: chain, key: pem };
}
