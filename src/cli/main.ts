#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { explain } from './explain.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Ends everything on the first SIGINT or SIGTERM. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`Ended by ${name}.`)));
  }
  return controller.signal;
}

// A command is loaded when it is run: `mailpush send` needs no database and `mailpush daemon` no SMTP.
function commands(signal: AbortSignal): Command {
  const program = new Command('mailpush')
    .description('Push notifications over the mailbox you already have')
    .version(version)
    .option('--verbose', 'tell more, with causes')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const isVerbose = (): boolean => program.opts<{ verbose?: boolean }>().verbose === true;

  program
    .command('daemon')
    .description('the distributor: keeps one IMAP connection and hands pushes to the apps')
    .option('--config <file>', 'configuration (default: $XDG_CONFIG_HOME/mailpush/config.toml)')
    .option('--state-dir <folder>', 'state (default: $XDG_STATE_HOME/mailpush)')
    .action(async (options: { config?: string; stateDir?: string }) => {
      const { daemon } = await import('./daemon.js');
      await daemon({ ...options, verbose: isVerbose() }, signal);
    });

  program
    .command('send')
    .description('send one push')
    .argument('<endpoint>', 'the endpoint of an app, or @ and a file that holds it')
    .argument('[file]', 'the payload, 1 to 4096 bytes (default: standard input)')
    .requiredOption(
      '--smtp <url>',
      'mail server, such as smtps://user@mail.app.example; the password is in MAILPUSH_SMTP_PASSWORD',
    )
    .requiredOption('--from <address>', 'address the push comes from')
    .option('--key <file>', 'private key, see keygen (default: one that is made and kept for this address)')
    .option('--ttl <seconds>', 'how long the push is worth delivering (default: 28 days)')
    .option('--urgency <level>', 'very-low, low, normal or high (default: normal)')
    .option('--topic <topic>', 'a later push with the same topic replaces this one')
    .action(async (endpoint: string, file: string | undefined, options: import('./send.js').SendOptions) => {
      const { send } = await import('./send.js');
      const { id } = await send(endpoint, file, options, signal);
      console.log(`The mail server has taken the push ${id}.`);
    });

  program
    .command('keygen')
    .description("make an app server's key")
    .requiredOption('--addr <address>', 'address the pushes will come from')
    .requiredOption('--out <file>', 'new file for the private key, readable by you alone')
    .action(async (options: { addr: string; out: string }) => {
      const { keygen } = await import('./keygen.js');
      console.log(`The key ${await keygen(options)} is in ${options.out}.`);
    });

  program
    .command('demo')
    .description('show the whole loop on an embedded mail server and a private bus')
    .option('--keep', 'leave it running and print how to push to it')
    .action(async (options: { keep?: boolean }) => {
      const { runDemo } = await import('../demo/index.js');
      await runDemo({ keep: options.keep === true }, signal);
    });
  return program;
}

async function main(): Promise<number> {
  const program = commands(endSignal());
  try {
    await program.parseAsync();
    return exitCodes.done;
  } catch (error) {
    // Commander has printed what is wrong, or the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    console.error(explain(error, program.opts<{ verbose?: boolean }>().verbose === true));
    return exitCodeOf(error);
  }
}

process.exitCode = await main();
