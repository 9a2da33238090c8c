import { MailpushError } from '../errors.js';

/** How the two optional packages are loaded; injected so that a test can leave one out. */
export interface DemoPackageLoaders {
  readonly hoodiecrow: () => Promise<{ default: typeof import('hoodiecrow-imap') }>;
  readonly smtpServer: () => Promise<typeof import('smtp-server')>;
}

/** The packages of the embedded mail server. */
export interface DemoPackages {
  readonly hoodiecrow: typeof import('hoodiecrow-imap');
  readonly smtpServer: typeof import('smtp-server');
}

const installed: DemoPackageLoaders = {
  hoodiecrow: () => import('hoodiecrow-imap'),
  smtpServer: () => import('smtp-server'),
};

/** Loads the optional packages; throws ERR_DEMO_PACKAGES, with the command to run, where one is missing. */
export async function loadDemoPackages(loaders: DemoPackageLoaders = installed): Promise<DemoPackages> {
  try {
    const [hoodiecrow, smtpServer] = await Promise.all([loaders.hoodiecrow(), loaders.smtpServer()]);
    return { hoodiecrow: hoodiecrow.default, smtpServer };
  } catch (cause) {
    throw new MailpushError(
      'ERR_DEMO_PACKAGES',
      'The embedded mail server needs two more packages; run: npm install hoodiecrow-imap@2.1.0 smtp-server@3.21.6',
      { disposition: 'action-required', cause },
    );
  }
}
