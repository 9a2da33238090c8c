import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where `scripts/test-servers` puts the program. */
const deltaChatProgram: string = fileURLToPath(
  new URL(
    '../../.cache/deltachat/node_modules/@deltachat/stdio-rpc-server-linux-x64/deltachat-rpc-server',
    import.meta.url,
  ),
);

/** Whether it is there. */
export const deltaChatIsThere: boolean = existsSync(deltaChatProgram);

/** Delta Chat's core, driven over its JSON-RPC on standard input and output. */
export interface DeltaChat {
  /** Calls a method; rejects with what the program says. */
  call(method: string, ...params: readonly unknown[]): Promise<unknown>;
  stop(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message?: string };
}

/** Starts it with its accounts in `directory`. */
export function startDeltaChat(directory: string): DeltaChat {
  const child = spawn(deltaChatProgram, {
    env: { PATH: process.env.PATH, DC_ACCOUNTS_PATH: join(directory, 'accounts'), RUST_LOG: 'error' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer;
    if (answer.id === undefined) return;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  void ended.then(() => {
    for (const answer of waiting.values()) answer({ error: { message: 'The program has ended.' } });
  });

  return {
    call: async (method, ...params) => {
      lastId += 1;
      const id = lastId;
      const answer = await new Promise<Answer>((resolve) => {
        waiting.set(id, resolve);
        child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
      });
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
      return answer.result;
    },
    stop: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}
