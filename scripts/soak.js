// Kills daemon, apps, bus and mail server and spoils the line again and again while pushes go through them, and says what became
// of the pushes. Exits with 1 when one was lost, or anything else is not as it was. Needs dist/ (npm run build).
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = 'usage: npm run soak -- [--minutes N] [--pushes N] [--seed N] [--log FILE]';
let values;
try {
  ({ values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      pushes: { type: 'string', default: '3000' },
      seed: { type: 'string', default: `${Math.floor(Math.random() * 1_000_000)}` },
      log: { type: 'string' },
    },
  }));
  for (const name of ['minutes', 'pushes', 'seed']) {
    if (!/^\d+(\.\d+)?$/.test(values[name])) throw new Error(`--${name} is a number.`);
  }
} catch (error) {
  console.error(`${error.message}\n${usage}`);
  process.exit(2);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const child = spawn(`${root}node_modules/.bin/vitest`, ['run', 'test/soak'], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    MAILPUSH_SOAK_MINUTES: values.minutes,
    MAILPUSH_SOAK_PUSHES: values.pushes,
    MAILPUSH_SOAK_SEED: values.seed,
    ...(values.log === undefined ? {} : { MAILPUSH_SOAK_LOG: values.log }),
  },
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
