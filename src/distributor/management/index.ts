export { type AnswersOptions, createAnswers } from './answers.js';
export { type ChangeTrust, createChangeTrust } from './change-trust.js';
export { askApps, askStatus, ManagementError, type ManagementErrorCode, tellTrust } from './client.js';
export { type ManagementConnection, type ManagementConnectionOptions, openManagement } from './connection.js';
export { type Answers, management1 } from './interface.js';
export { managementInterface, managementName, managementPath } from './names.js';
export type { AppList, AppStatus, Problem, Status, TrustAnswer, Waiting } from './status.js';
