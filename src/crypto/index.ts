/** Channel keys and sender keys, sealing and opening, and the Autocrypt header. The only folder that knows OpenPGP. */
export { type AutocryptHeader, chooseAutocrypt, formatAutocrypt, parseAutocrypt } from './autocrypt.js';
export { CryptoError } from './errors.js';
export { generateKey } from './generate-key.js';
export type { PrivateKey, PublicKey } from './key.js';
export { type OpenedMessage, type OpenOptions, open } from './open.js';
export { type PeerMail, type PeerState, updatePeerState } from './peer-state.js';
export { armorPrivateKey, parsePrivateKey, serializePrivateKey } from './private-key.js';
export { parsePublicKey } from './public-key.js';
export { type ReducedCertificate, rebuildCertificate } from './rebuild-certificate.js';
export { reduceCertificate } from './reduce-certificate.js';
export { type SealOptions, seal } from './seal.js';
export type { Signature } from './signature.js';
export { tryEncryption } from './try-encryption.js';
