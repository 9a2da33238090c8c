import { Command, InvalidArgumentError } from 'commander';
import { printable } from './printable.js';
import { version } from './version.js';

/** An empty name is an unset variable of a script, never a file. */
function nonEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must not be empty.');
  return value;
}

/** What commander has to say, such as an unknown option, in one line of ours. */
function outputError(text: string, write: (text: string) => void): void {
  write(`mailpush: ${printable(text.replace(/^error: /, ''))} (--help tells more)\n`);
}

/**
 * The commands and options of `mailpush`. A command is loaded when it is run: `mailpush send` needs no database and
 * `mailpush daemon` no SMTP.
 *
 * @param signal ends the command that is run.
 */
export function createProgram(signal: AbortSignal): Command {
  const program = new Command('mailpush')
    .description('Push notifications over the mailbox you already have')
    .version(version)
    .option('--verbose', 'tell more, with causes')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError })
    .exitOverride();

  program
    .command('daemon')
    .description('the distributor: keeps one IMAP connection and hands pushes to the apps')
    .option('--config <file>', 'configuration (default: $XDG_CONFIG_HOME/mailpush/config.toml)', nonEmpty)
    .option('--state-dir <folder>', 'state (default: $XDG_STATE_HOME/mailpush)', nonEmpty)
    .action(async (options: { config?: string; stateDir?: string }) => {
      const { daemon } = await import('./daemon.js');
      await daemon({ ...options, verbose: isVerbose(program) }, signal);
    });

  program
    .command('status')
    .description('how the daemon is: connection, what waits, what is wrong and what to do')
    .option('--json', 'as JSON, for programs')
    .action(async (options: { json?: boolean }) => {
      const { status } = await import('./status.js');
      console.log(await status({ json: options.json === true }, signal));
    });

  program
    .command('apps')
    .description('the apps that are registered')
    .option('--json', 'as JSON, for programs')
    .action(async (options: { json?: boolean }) => {
      const { apps } = await import('./status.js');
      console.log(await apps({ json: options.json === true }, signal));
    });

  program
    .command('trust')
    .description('set which app server may push to an app')
    .argument('<app>', 'bus name of the app, or the channel that apps shows for one of its registrations')
    .argument('[fingerprint]', 'of the only key that may push, 40 hexadecimal digits')
    .option('--reset', 'the first app server that pushes from now on is the only one')
    .option('--json', 'as JSON, for programs')
    .action(async (app: string, fingerprint: string | undefined, options: { reset?: boolean; json?: boolean }) => {
      const { trust } = await import('./trust.js');
      const { reset = false, json = false } = options;
      console.log(await trust(app, fingerprint, { reset, json }, signal));
    });

  program
    .command('filing')
    .description('how the mail server files push mail into the folder of the configuration')
    .option('--config <file>', 'configuration (default: $XDG_CONFIG_HOME/mailpush/config.toml)', nonEmpty)
    .option('--install', 'begin it: a Sieve rule beside your own, which stay as they are')
    .option('--remove', 'end it')
    .option('--json', 'as JSON, for programs')
    .action(async (options: { config?: string; install?: boolean; remove?: boolean; json?: boolean }) => {
      const { filing } = await import('./filing.js');
      const { install = false, remove = false, json = false } = options;
      await filing({ ...options, install, remove, json }, signal);
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
    .option('--key <file>', 'private key, see keygen (default: one that is made and kept for this address)', nonEmpty)
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
    .requiredOption('--out <file>', 'new file for the private key, readable by you alone', nonEmpty)
    .action(async (options: { addr: string; out: string }) => {
      const { keygen } = await import('./keygen.js');
      console.log(`The key ${await keygen(options)} is in ${options.out}.`);
    });

  program
    .command('gateway')
    .description('the Web Push gateway: takes pushes over HTTPS and mails them')
    .option('--config <file>', 'configuration (default: $XDG_CONFIG_HOME/mailpush/config.toml)', nonEmpty)
    .option(
      '--bounce',
      'instead: read a mail that came back from standard input, and revoke the endpoint that is no more',
    )
    .action(async ({ bounce, ...rest }: { config?: string; bounce?: boolean }) => {
      const options = { ...rest, verbose: isVerbose(program) };
      if (bounce === true) {
        const { gatewayBounce } = await import('./gateway-bounce.js');
        await gatewayBounce(options, signal);
        return;
      }
      const { gateway } = await import('./gateway.js');
      await gateway(options, signal);
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

/** Whether `--verbose` was given, before or behind the command. */
export function isVerbose(program: Command): boolean {
  return program.opts<{ verbose?: boolean }>().verbose === true;
}
