/** A UnifiedPush client for apps: register with the user's distributor, get an endpoint, receive messages. */
export type { Connector, ConnectorOptions, PushMessage, RegisterOptions, Registration } from './connector.js';
export { createConnector } from './create-connector.js';
export { ConnectorError, type ConnectorErrorOptions } from './errors.js';
