export type { Answer } from './answer.js';
export { type AppAddress, type Apps, createApps } from './apps.js';
