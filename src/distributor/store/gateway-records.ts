import * as v from 'valibot';
import type { Pin } from '../delivery/index.js';
import { encodePin, pinRecord } from './pin-record.js';

const at = v.number();

const gatewayRecord = v.object({
  url: v.string(),
  address: v.string(),
  request: v.nullable(v.object({ channel: v.string(), nonce: v.string(), since: at, isMailed: v.boolean() })),
  mailed: v.array(at),
  grant: v.nullable(v.object({ token: v.string(), expires: at, renewAt: at })),
  pin: v.nullable(pinRecord),
  revocations: v.array(v.object({ channel: v.string(), endpoint: v.string(), expires: at })),
});

/** What has to be remembered of one gateway; all times in ms since 1970. */
export interface GatewayRecord {
  readonly url: string;
  /** The mail address that it grants for. */
  readonly address: string;
  /** The grant that is asked for: on which control channel, and whether the gateway has said that it has sent the mail. */
  readonly request: {
    readonly channel: string;
    readonly nonce: string;
    readonly since: number;
    readonly isMailed: boolean;
  } | null;
  /** When it has sent grant mails within the last day. */
  readonly mailed: readonly number[];
  readonly grant: { readonly token: string; readonly expires: number; readonly renewAt: number } | null;
  /** The key that pushes for it. */
  readonly pin: Pin | null;
  /** Endpoints that are still to be revoked. */
  readonly revocations: readonly { readonly channel: string; readonly endpoint: string; readonly expires: number }[];
}

/** Writes gateways as they stand in the store. */
export function encodeGateways(gateways: readonly GatewayRecord[]): unknown {
  return gateways.map((gateway) => ({ ...gateway, pin: gateway.pin === null ? null : encodePin(gateway.pin) }));
}

/** Reads gateways from the store. Throws for anything else. */
export function decodeGateways(value: unknown): readonly GatewayRecord[] {
  return v.parse(v.array(gatewayRecord), value);
}
