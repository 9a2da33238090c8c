import { randomBytes } from 'node:crypto';
import { open, type PrivateKey } from '../../src/crypto/index.js';
import { MailpushError } from '../../src/errors.js';
import { readInner, readMail } from '../../src/notify-spec/index.js';
import { createChannel } from '../tools/sender-fixture.js';
import { type HttpAnswer, postJson } from './https-request.js';

/** What a grant mail says (docs/gateway.md). */
export interface GrantPayload {
  readonly version: number;
  readonly gateway: string;
  readonly nonce: string;
  readonly grant: string;
  readonly expires: number;
}

/** Somebody who speaks to a gateway by hand, in the name of an address that need not be theirs. */
export interface HandMadeDistributor {
  readonly address: string;
  /** The `mailto:` endpoint of a channel of its own. */
  readonly endpoint: string;
  readonly key: PrivateKey;
  ask(): Promise<HttpAnswer>;
  /** Has an endpoint sealed, its own by default. */
  seal(
    grant: string | undefined,
    change?: { readonly endpoint?: string; readonly vapid?: unknown },
  ): Promise<HttpAnswer>;
  /** Has it revoked. */
  revoke(grant: string | undefined, endpoint: string): Promise<HttpAnswer>;
  /** The grants among these mails that its key opens. */
  grantsIn(mails: readonly Uint8Array[]): Promise<readonly GrantPayload[]>;
}

/** Makes one for a gateway. */
export async function createHandMadeDistributor(url: string, address: string): Promise<HandMadeDistributor> {
  const { key, endpoint } = await createChannel(address);
  const bearer = (grant: string | undefined): Record<string, string> =>
    grant === undefined ? {} : { Authorization: `Bearer ${grant}` };
  return {
    address,
    endpoint,
    key,
    ask: () => postJson(`${url}/v1/grants`, { endpoint, nonce: randomBytes(16).toString('base64url') }),
    seal: (grant, change = {}) => postJson(`${url}/v1/endpoints`, { endpoint, ...change }, { headers: bearer(grant) }),
    revoke: (grant, sealed) =>
      postJson(`${url}/v1/endpoints`, { endpoint: sealed }, { method: 'DELETE', headers: bearer(grant) }),
    grantsIn: async (mails) => {
      const grants = await Promise.all(mails.map((raw) => readGrant(raw, key)));
      return grants.filter((grant) => grant !== undefined);
    },
  };
}

async function readGrant(raw: Uint8Array, key: PrivateKey): Promise<GrantPayload | undefined> {
  try {
    const { armored } = await readMail(raw);
    const { mediaType, payload } = readInner((await open(armored, { key, signers: [], now: Date.now() })).data);
    if (mediaType !== 'application/vnd.mailpush.grant') return undefined;
    return JSON.parse(Buffer.from(payload).toString()) as GrantPayload;
  } catch (error) {
    if (error instanceof MailpushError) return undefined;
    throw error;
  }
}
