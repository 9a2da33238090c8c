/** An app's endpoints by way of a gateway: what a distributor asks a gateway for, and when (docs/gateway.md). */

export { createGatewayClient, type GatewayClient, type GatewayClientOptions } from './gateway-client.js';
export type { GatewayReport } from './report.js';
export { type GatewayTimes, gatewayTimes } from './times.js';
