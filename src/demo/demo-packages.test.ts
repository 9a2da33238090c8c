import { expect, it } from 'vitest';
import { loadDemoPackages } from './demo-packages.js';

it('names the command to run where an optional package is missing', async () => {
  const missing: string = 'mailpush-package-that-is-not-installed';
  const loading = loadDemoPackages({
    hoodiecrow: () => import('hoodiecrow-imap'),
    smtpServer: () => import(/* @vite-ignore */ missing),
  });
  await expect(loading).rejects.toMatchObject({
    code: 'ERR_DEMO_PACKAGES',
    disposition: 'action-required',
    message: expect.stringContaining('npm install hoodiecrow-imap@2.1.0 smtp-server@3.21.6'),
  });
});

it('loads the packages where they are installed', async () => {
  const packages = await loadDemoPackages();
  expect(packages.hoodiecrow).toBeTypeOf('function');
  expect(packages.smtpServer.SMTPServer).toBeTypeOf('function');
});
