#!/usr/bin/env node
import { CommanderError } from 'commander';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { explain } from './explain.js';
import { createProgram, isVerbose } from './program.js';

/** Ends everything on the first SIGINT, SIGTERM or SIGHUP; a second one ends the process as it is. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => controller.abort(new Error(`Ended by ${name}.`)));
  }
  return controller.signal;
}

async function main(): Promise<number> {
  // Whoever reads the output may stop reading (`mailpush demo | head`); what is under way is brought to its end.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  const program = createProgram(endSignal());
  try {
    await program.parseAsync();
    return exitCodes.done;
  } catch (error) {
    // Commander has printed what is wrong, or the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    console.error(explain(error, isVerbose(program)));
    return exitCodeOf(error);
  }
}

process.exitCode = await main();
