import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePrivateKey } from '../../src/crypto/index.js';
import { createSealer } from '../../src/gateway/sealer.js';
import { parseSecrets } from '../../src/gateway/secrets.js';
import { parseEndpoint } from '../../src/notify-spec/index.js';
import { createRuntime } from '../../src/runtime.js';

/**
 * An endpoint of a gateway as a distributor would get it, without the mail with the grant.
 *
 * @param directory where `writeGatewayConfig` has put the secret and the key of the gateway.
 * @param endpoint of the app's channel, `mailto:`.
 */
export async function sealWith(
  directory: string,
  publicUrl: string,
  endpoint: string,
  vapid?: string,
): Promise<string> {
  const secrets = parseSecrets(await readFile(join(directory, 'gateway.secret'), 'utf8'));
  const { fingerprint } = await parsePrivateKey(await readFile(join(directory, 'gateway.asc'), 'utf8'));
  const sealer = createSealer({ secrets, sender: fingerprint, publicUrl, runtime: createRuntime() });
  return (await sealer.sealEndpoint(parseEndpoint(endpoint), vapid)).url;
}
