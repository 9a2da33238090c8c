import { createHash } from 'node:crypto';
import {
  CryptoError,
  formatAutocrypt,
  parseAutocrypt,
  parsePublicKey,
  type ReducedCertificate,
  rebuildCertificate,
  reduceCertificate,
  tryEncryption,
} from '../crypto/index.js';
import {
  formatChannel,
  formatEndpoint,
  isAddress,
  isChannel,
  isFingerprint,
  limits,
  type MailEndpoint,
  NotifyError,
} from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import { GatewayError } from './gateway-error.js';
import type { SealedEndpoint, Sealer } from './parts.js';
import { readSealFields, type SealFields, writeSealFields } from './seal-fields.js';
import { type BoxKey, createSealedBox, type SealedBox } from './sealed-box.js';
import { deriveSecret, type Secret } from './secrets.js';
import { GatewaySetupError } from './setup-error.js';
import { endpointUrl, longestAddress, maxUrlBytes } from './url-room.js';
import { compressVapid, expandVapid } from './vapid-key.js';

/** What a sealer is made of. */
export interface SealerOptions {
  /** Of 32 bytes each; the first seals, all open. See `parseSecrets`. */
  readonly secrets: readonly Uint8Array[];
  /** Fingerprint of the gateway's key: what was sealed under another one does not open. */
  readonly sender: string;
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly runtime: Runtime;
}

const sealVersion = 1;
const grantVersion = 1;
/** How long a seal and a grant are good. */
export const lifeSeconds: number = 90 * 86_400;
const expiresBytes = 4;
const idBytes = 16;

/**
 * Makes what seals and opens endpoints and grants (docs/gateway.md, "What is sealed"). It keeps nothing: all of it is in
 * the text that it gives away, encrypted and authenticated under the secrets.
 *
 * @throws GatewaySetupError `ERR_CONFIG_SECRET` without a secret, `ERR_CONFIG_KEY` when the public URL is too long.
 */
export function createSealer({ secrets, sender, publicUrl, runtime }: SealerOptions): Sealer {
  const [first, ...others] = secrets.map(deriveSecret);
  if (first === undefined) throw new GatewaySetupError('ERR_CONFIG_SECRET', 'gateway.secret_file holds no secret.');
  if (!isFingerprint(sender)) throw new GatewaySetupError('ERR_CONFIG_KEY', 'gateway.key_file has no fingerprint.');
  const addressBytes = longestAddress(publicUrl);
  const boxOf = (version: number, purpose: 'sealKey' | 'grantKey'): SealedBox => {
    const keyOf = (secret: Secret): BoxKey => ({ id: secret.id, key: secret[purpose] });
    const associated = Buffer.from(sender, 'hex');
    const { randomBytes } = runtime;
    return createSealedBox({ version, key: keyOf(first), olderKeys: others.map(keyOf), associated, randomBytes });
  };
  const seals = boxOf(sealVersion, 'sealKey');
  const grants = boxOf(grantVersion, 'grantKey');
  const nextExpiry = (): number => Math.floor(runtime.now() / 1000) + lifeSeconds;

  return {
    sealEndpoint: async (endpoint, vapid) => {
      const compressed = vapid === undefined ? undefined : compressVapid(vapid);
      if (vapid !== undefined && compressed === undefined) {
        throw new GatewayError('ERR_GATEWAY_REQUEST', 'The VAPID key is not a public key on P-256 in 87 characters.');
      }
      const channel = channelBytesOf(endpoint.channel);
      const certificate = await certificateOf(endpoint, runtime.now());
      const expires = nextExpiry();
      const { address } = endpoint;
      const fields = { certificate, expires, channel, vapid: compressed, address };
      const content = writeSealFields(fields);
      const url = endpointUrl(publicUrl, seals.close(content));
      if (Buffer.byteLength(url) > maxUrlBytes || ![endpoint, endpointOf(fields)].every(canBeWritten)) {
        throw unsealable(
          `The address is too long for this gateway; use a shorter one, of at most ${addressBytes} bytes.`,
        );
      }
      return { url, expires };
    },
    openEndpoint: (sealed) => {
      const opened = seals.open(sealed);
      return opened === undefined ? undefined : readEndpoint(opened.content, opened.sealed);
    },
    sealGrant: (address) => {
      if (!isAddress(address)) throw new GatewayError('ERR_GATEWAY_REQUEST', 'A grant is for one plain mail address.');
      const expires = nextExpiry();
      const content = Buffer.alloc(expiresBytes + address.length);
      content.writeUInt32BE(expires);
      content.write(address, expiresBytes, 'latin1');
      return { grant: grants.close(content), expires };
    },
    openGrant: (token) => {
      const content = Buffer.from(grants.open(token)?.content ?? []);
      if (content.length <= expiresBytes) return undefined;
      const address = content.toString('latin1', expiresBytes);
      return isAddress(address) ? { address, expires: content.readUInt32BE() } : undefined;
    },
  };
}

function channelBytesOf(channel: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(channel, 'base64url'));
  if (!isChannel(channel) || bytes.length !== limits.channelBytes || formatChannel(bytes) !== channel) {
    throw unsealable('The channel of this endpoint is not 20 bytes; give one that a distributor made.');
  }
  return bytes;
}

/** The certificate of an endpoint: its signatures hold, a template makes it again byte for byte, and it can be encrypted to. */
async function certificateOf({ address, autocrypt }: MailEndpoint, now: number): Promise<ReducedCertificate> {
  try {
    const { address: named, keydata } = parseAutocrypt(autocrypt);
    const reduced = named === address ? reduceCertificate(keydata, address) : undefined;
    if (reduced === undefined) {
      throw unsealable('The certificate of this endpoint fits no template; use a gateway of the same version.');
    }
    const key = await parsePublicKey(keydata);
    // A packet whose signature does not hold is left out.
    if (Buffer.compare(key.keydata, keydata) !== 0) {
      throw unsealable('The certificate of this endpoint is not signed by its key; make a new channel.');
    }
    // Its pushes would fail one by one, and look like a fault of the gateway.
    await tryEncryption(key, now);
    return reduced;
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw unsealable(
      'Nothing can be encrypted to this endpoint now; set the clock of the device, or make a new channel.',
      cause,
    );
  }
}

/** Written anew, a mail endpoint can be longer than it was given: signs are escaped that need not be. */
function canBeWritten(endpoint: MailEndpoint | undefined): boolean {
  if (endpoint === undefined) return false;
  try {
    formatEndpoint(endpoint);
    return true;
  } catch (error) {
    if (error instanceof NotifyError) return false;
    throw error;
  }
}

function readEndpoint(content: Uint8Array, sealed: Uint8Array): SealedEndpoint | undefined {
  const fields = readSealFields(content);
  const vapid = fields?.vapid === undefined ? undefined : expandVapid(fields.vapid);
  if (fields === undefined || (fields.vapid === undefined) !== (vapid === undefined)) return undefined;
  const endpoint = endpointOf(fields);
  if (endpoint === undefined) return undefined;
  return {
    endpoint,
    vapid,
    expires: fields.expires,
    id: createHash('sha256').update(sealed).digest().subarray(0, idBytes).toString('base64url'),
  };
}

function endpointOf({ certificate, address, channel }: SealFields): MailEndpoint | undefined {
  const keydata = rebuildCertificate(certificate, address);
  if (keydata === undefined) return undefined;
  return { address, channel: formatChannel(channel), autocrypt: formatAutocrypt({ address, keydata }) };
}

function unsealable(message: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_GATEWAY_UNSEALABLE', message, { cause });
}
