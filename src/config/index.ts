/** The configuration file: what may stand in it, and what it says. */

export type { GetSecret, Secret } from './credentials.js';
export { ConfigError, type ConfigErrorCode } from './errors.js';
export type { ImapLocation } from './imap-url.js';
export type { ListenAddress } from './listen.js';
export { type Config, loadConfig } from './load-config.js';
export { type GatewayConfig, loadGatewayConfig, loadGatewayRedis } from './load-gateway-config.js';
export { fileError, type NamedFile } from './named-file.js';
export { defaultConfigFile, defaultStateDirectory } from './paths.js';
export { configTable, sampleConfig } from './sample.js';
export { isLoopback } from './server-url.js';
export type { SieveLocation } from './sieve-url.js';
