import type { Channels } from './channels.js';
import type { GatewayEndpoint, Registration } from './store/index.js';

/** Which endpoints apps get: `mailto:` URIs, or URLs of a gateway (docs/gateway.md). */
export interface Endpoints {
  /**
   * What `gateway` of a new channel is at first, as long as nothing is sealed for it; null: its app gets the `mailto:` endpoint.
   * A registration whose gateway has another URL than this one has is replaced by one of a new channel.
   */
  gatewayFor(app: Pick<Registration, 'sender'>): GatewayEndpoint | null;
  /**
   * What the app is to be told now. Undefined: there is no endpoint yet, and whoever gets one tells the app. Rejects with a
   * `NotifyError` when the mail address is too long for an endpoint.
   */
  endpointOf(registration: Registration): Promise<string | undefined>;
}

/** Endpoints for app servers that send mail: they are there at once, without the network. */
export function createMailtoEndpoints(channels: Pick<Channels, 'endpoint'>): Endpoints {
  return {
    gatewayFor: () => null,
    endpointOf: async (registration) => await channels.endpoint(registration),
  };
}
