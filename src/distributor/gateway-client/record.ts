import type { GatewayRecord } from '../store/index.js';
import { type GatewayState, initialGatewayState } from './state.js';

/** What has to outlive the process. */
export function recordOf(state: GatewayState): GatewayRecord {
  const { url, address, request, mailed, grant = null, pin = null, revocations } = state;
  const isAsked = request.stage !== 'none' && request.stage !== 'preparing';
  const { channel, nonce, since } = isAsked ? request : { channel: '', nonce: '', since: 0 };
  return {
    url,
    address,
    request: isAsked ? { channel, nonce, since, isMailed: request.stage === 'waiting' } : null,
    mailed,
    grant,
    pin,
    revocations: [...revocations.values()],
  };
}

/** Whether the records of both are the same. */
export function isRecordedAlike(a: GatewayState, b: GatewayState): boolean {
  const keys = ['request', 'mailed', 'grant', 'pin', 'revocations'] as const;
  return keys.every((key) => a[key] === b[key]);
}

/** What was known of a gateway when the last process ended. A request that had no answer by then is made once more. */
export function stateOf(record: GatewayRecord, rest: Pick<GatewayState, 'isFormer' | 'times'>): GatewayState {
  const { url, address, request, mailed, grant, pin, revocations } = record;
  const asked = request && { channel: request.channel, nonce: request.nonce, since: request.since };
  return {
    ...initialGatewayState({ url, address, ...rest }),
    request:
      request === null || asked === null
        ? { stage: 'none' }
        : { stage: request.isMailed ? 'waiting' : 'failed', ...asked },
    mailed,
    grant: grant ?? undefined,
    pin: pin ?? undefined,
    revocations: new Map(revocations.map((one) => [one.endpoint, one])),
  };
}
