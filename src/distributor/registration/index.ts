export { distributor1, distributor2 } from './distributor-objects.js';
export { createRegistrar, type Registrar, type RegistrarOptions } from './registrar.js';
export { createRegistrations, type Registrations } from './registrations.js';
