/**
 * Finds the calls of AWS that the Rust sources make: `client.put_item()` where a client of DynamoDB is, by AWS's own list of
 * operations, which the Python package botocore carries. What tests call is left out.
 *
 * `npm run calls` writes `calls.json`, of which the functions' rights are made; a test says when it is out of date.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ROOMS, type Calls } from '../lib/grants.js';

/** The crates of AWS's clients, and their names in botocore and in policies. */
const SERVICES: Readonly<Record<string, { readonly model: string; readonly policy: string }>> = {
  aws_sdk_codebuild: { model: 'codebuild', policy: 'codebuild' },
  aws_sdk_codepipeline: { model: 'codepipeline', policy: 'codepipeline' },
  aws_sdk_dynamodb: { model: 'dynamodb', policy: 'dynamodb' },
  aws_sdk_eventbridge: { model: 'events', policy: 'events' },
  aws_sdk_s3: { model: 's3', policy: 's3' },
  aws_sdk_secretsmanager: { model: 'secretsmanager', policy: 'secretsmanager' },
  aws_sdk_sns: { model: 'sns', policy: 'sns' },
  aws_sdk_sqs: { model: 'sqs', policy: 'sqs' },
  aws_sdk_ssm: { model: 'ssm', policy: 'ssm' },
};

/** What stands in front of AWS instead of calling it. */
const NO_CALLER = ['wire'];

/** The calls of `cicd` and `lambda`, sorted. */
export function findCalls(house: string): Calls {
  const operations = new Map(Object.entries(SERVICES).map(([crate, { model }]) => [crate, operationsOf(house, model)]));
  const found: Record<string, Record<string, Set<string>>> = {};
  const rooms = sources(house);
  for (const [folder, room] of rooms) {
    // A client may be handed on, so what a file names itself is not all: its whole room counts, and the rooms that it stands in.
    const around = rooms.filter(([, name]) => room === name || room.startsWith(`${name}/`)).flatMap(([files]) => files);
    const crates = Object.keys(SERVICES).filter((crate) => around.some((file) => file.text.includes(crate)));
    for (const { text } of folder) {
      for (const call of text.matchAll(/\.([a-z][a-z0-9_]*)\(\)/g)) {
        for (const crate of crates) {
          const operation = operations.get(crate)?.get(call[1] ?? '');
          // A getter is called like an operation now and then: a call is sent, or made of a client.
          if (operation === undefined || !isSent(text, call.index)) continue;
          const { policy } = SERVICES[crate] as { policy: string };
          const callers = (found[policy] ??= {});
          (callers[room] ??= new Set()).add(operation);
        }
      }
    }
  }
  const sorted = <T>(entries: [string, T][]): [string, T][] => entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    sorted(Object.entries(found)).map(([service, rooms]) => [
      service,
      Object.fromEntries(sorted(Object.entries(rooms)).map(([room, names]) => [room, [...names].sort()])),
    ]),
  );
}

/** Whether `.send(` follows before the statement ends, at whatever depth, or the builder is handed on to be sent. */
function isSent(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 60), at);
  if (/(client|table|self\.(s3|sns|sqs|codebuild|codepipeline|secrets|ssm|dynamodb)|aws)(\(\))?\s*$/.test(before)) return true;
  const rest = text.slice(at, at + 2000);
  const end = rest.search(/;\s*\n|\n\s*\}\n/);
  return /\.(send|send_with|into_paginator|customize)\s*\(/.test(end < 0 ? rest : rest.slice(0, end + 200));
}

interface Source {
  readonly path: string;
  readonly text: string;
}

/** The files of each room. */
function sources(house: string): [Source[], string][] {
  const rooms = new Map<string, Source[]>();
  const names = Object.keys(ROOMS).sort((a, b) => b.length - a.length);
  for (const crate of ['cicd', 'lambda']) {
    const root = join(house, crate, 'src');
    for (const file of rustFiles(root)) {
      const path = relative(root, file).split(sep).join('/');
      if (NO_CALLER.some((name) => path === `${name}.rs` || path.startsWith(`${name}/`))) continue;
      const text = code(readFileSync(file, 'utf8'));
      if (!text.includes('aws_sdk_') && !names.some((name) => path.startsWith(`${name}/`))) continue;
      const room = names.find((name) => path === `${name}.rs` || path.startsWith(`${name}/`)) ?? path.replace(/(\.rs|\/.*)$/, '');
      rooms.set(room, [...(rooms.get(room) ?? []), { path, text }]);
    }
  }
  return [...rooms].map(([room, files]) => [files, room]);
}

function rustFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'tests' ? [] : rustFiles(path);
    return entry.name.endsWith('.rs') && entry.name !== 'tests.rs' ? [path] : [];
  });
}

/** Without comments and without what only tests compile: it stands at a file's end. */
function code(text: string): string {
  const [kept] = text.split(/^#\[cfg\(test\)\]\nmod \w+ \{/m);
  return (kept ?? '').replace(/^\s*\/\/.*$/gm, '');
}

/** A service's operations by their names in Rust. */
function operationsOf(house: string, service: string): Map<string, string> {
  const lib = join(house, 'target', 'venv', 'lib');
  const python = readdirSync(lib).find((name) => name.startsWith('python'));
  if (python === undefined) throw new Error(`${lib} has no Python; run \`make venv\``);
  const folder = join(lib, python, 'site-packages', 'botocore', 'data', service);
  const version = readdirSync(folder).sort().at(-1) ?? '';
  const names = readdirSync(join(folder, version));
  const name = names.find((file) => file.startsWith('service-2.json')) ?? '';
  const bytes = readFileSync(join(folder, version, name));
  const model = JSON.parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')) as { operations: object };
  return new Map(Object.keys(model.operations).map((operation) => [inRust(operation), operation]));
}

/** `ListObjectsV2` is `list_objects_v2`, `BatchGetItem` is `batch_get_item`. */
export function inRust(operation: string): string {
  return operation
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/([a-z])(V\d)/g, '$1_$2')
    .toLowerCase();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const infra = join(import.meta.dirname, '..', '..');
  writeFileSync(join(infra, 'calls.json'), `${JSON.stringify(findCalls(join(infra, '..')), null, 2)}\n`);
}
