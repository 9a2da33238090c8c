/** The Web Push gateway: HTTPS in front of the sender (docs/gateway.md). */
export type { GatewayOptions, GatewayTimes } from './gateway-options.js';
export type { LimitName, LimitRates } from './limits.js';
export { type RevokeBouncedOptions, revokeBounced } from './revoke-bounced.js';
export { runGateway } from './run-gateway.js';
export { parseSecrets } from './secrets.js';
export { GatewaySetupError } from './setup-error.js';
