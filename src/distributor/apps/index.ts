export type { Answer } from './answer.js';
export { type AppAddress, type Apps, type AppTimes, createApps } from './apps.js';
