/** `cdk synth` itself: without network, the same twice, and what the tools of others say of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CONTEXT, HOUSE, INFRA, POINTSMAN, fixture, placeholders } from './world.js';

const folder = mkdtempSync(join(tmpdir(), 'pointsman-synth-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A new network namespace has no way out; where none may be made, the run says so. */
const alone = spawnSync('unshare', ['-n', 'true']).status === 0 ? ['unshare', '-n'] : [];

function synth(name: string): string {
  const out = join(folder, name);
  const context = { ...CONTEXT, rules: fixture('seven.yaml'), pointsman: POINTSMAN, lambdas: placeholders(), cloudformationRole: 'arn:aws:iam::123456789012:role/deploys' };
  const given = Object.entries(context).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const command = [...alone, join(INFRA, 'node_modules', '.bin', 'cdk'), 'synth', '--quiet', '--no-notices', '-o', out, ...given];
  const done = spawnSync(command[0] ?? '', command.slice(1), { cwd: INFRA, encoding: 'utf8', env: { ...process.env, CDK_DISABLE_VERSION_CHECK: '1' } });
  // cdk-nag is a plugin of the app: a finding that nobody acknowledged ends it with 1.
  assert.equal(done.status, 0, `${done.stdout}${done.stderr}`);
  return out;
}

const [first, second] = [synth('first'), synth('second')];

test('it needs no network', (t) => {
  if (alone.length === 0) t.skip('no network namespace may be made here');
});

test('it is the same twice, bit for bit', () => {
  const files = (root: string): string[] => readdirSync(root, { recursive: true, withFileTypes: true }).filter((it) => it.isFile()).map((it) => join(it.parentPath, it.name).slice(root.length)).sort();
  // How long it took, and where it lay, is no part of what is deployed.
  const told = ['/validation-report.json', '/performance-counters.json'];
  const deployed = (root: string): string[] => files(root).filter((name) => !told.includes(name));
  assert.deepEqual(deployed(first), deployed(second));
  for (const file of deployed(first)) {
    assert.ok(readFileSync(join(first, file)).equals(readFileSync(join(second, file))), file);
  }
});

test('cfn-lint finds no error', () => {
  const templates = readdirSync(first).filter((name) => name.endsWith('.template.json')).map((name) => join(first, name));
  assert.equal(templates.length, 2);
  // W3005: the CDK says some dependencies twice.
  const python = join(HOUSE, 'target', 'venv', 'bin', 'python');
  const call = 'import sys; from cfnlint.runner import main; sys.argv[0] = "cfn-lint"; main()';
  const done = spawnSync(python, ['-c', call, '--ignore-checks', 'W3005', '--', ...templates], { encoding: 'utf8' });
  assert.equal(done.status, 0, `${done.stdout}${done.stderr}`);
});

test('no template has a secret or a path of this machine', () => {
  for (const name of readdirSync(first).filter((file) => file.endsWith('.template.json'))) {
    const text = readFileSync(join(first, name), 'utf8');
    assert.ok(!text.includes(HOUSE) && !text.includes(tmpdir()), name);
  }
});
