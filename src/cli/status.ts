import { askApps, askStatus } from '../distributor/index.js';
import { jsonText } from './json-text.js';
import { showApps } from './show-apps.js';
import { showStatus } from './show-status.js';

/** Options of `mailpush status` and `mailpush apps`. */
export interface AskOptions {
  /** As JSON (docs/management.md) instead of text. */
  readonly json: boolean;
}

/** What `mailpush status` prints. Rejects as `askStatus` does. */
export async function status({ json }: AskOptions, signal: AbortSignal): Promise<string> {
  const answer = await askStatus(signal);
  return json ? jsonText(answer) : showStatus(answer);
}

/** What `mailpush apps` prints. Rejects as `askApps` does. */
export async function apps({ json }: AskOptions, signal: AbortSignal): Promise<string> {
  const answer = await askApps(signal);
  return json ? jsonText(answer) : showApps(answer);
}
