import type { GatewayEndpoint, Registration } from '../store/index.js';
import type { Seal } from './state.js';

/** Of a channel for which this gateway has sealed nothing. */
export function unsealed(url: string): GatewayEndpoint {
  return { url, endpoint: null, expires: null, renewAt: null, vapid: null };
}

/** What was sealed for a registration; null: nothing. */
export function sealOf({ gateway }: Pick<Registration, 'gateway'>): Seal | null {
  if (gateway === null || gateway.endpoint === null) return null;
  const { endpoint, vapid } = gateway;
  return { endpoint, vapid, expires: gateway.expires ?? 0, renewAt: gateway.renewAt ?? 0 };
}
