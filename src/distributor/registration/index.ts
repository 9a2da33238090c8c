export { distributor1, distributor2 } from './distributor-objects.js';
export { createRegistrar, type Registrar, type RegistrarOptions } from './registrar.js';
export {
  type ChannelOwner,
  createRegistrations,
  type Registrations,
  type RegistrationsOptions,
} from './registrations.js';
