/** The Web Push gateway: HTTPS in front of the sender (docs/gateway.md). */
export type { GatewayOptions, GatewayTimes } from './gateway-options.js';
