/** Pointsman on AWS: two stacks. Nothing is looked up, so `cdk synth` needs neither network nor credentials. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { build } from '../lib/build.js';
import { readSettings } from '../lib/settings.js';

const app = new App();
// dist/bin/app.js, beside infra/, in the house.
const house = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
try {
  build(app, readSettings(app, house));
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
