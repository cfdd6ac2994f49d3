// `pointsman demo` as a person would start it.
import { execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const BINARY = process.env.POINTSMAN ?? resolve(import.meta.dirname, "../../target/debug/pointsman");

/** Starts the demo and waits for the two lines that tell where its page and its folder are. */
export async function startDemo() {
  const child = spawn(BINARY, ["demo", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("close", done));
  let url, folder;
  for await (const line of createInterface({ input: child.stdout })) {
    url ??= line.match(/http:\/\/127\.0\.0\.1:\d+/)?.[0];
    folder ??= line.match(/under (\/\S+)/)?.[1];
    if (url && folder) break;
  }
  if (!url || !folder) throw new Error("the demo ended before it told where it is");
  child.stdout.resume();
  let pushes = 0;
  return {
    url,
    /** Pushes one commit on a new branch from a clone of the demo's repository, so that its hook calls the service. */
    async push(branch, message, files = { "src/more.sh": "#!/bin/sh\ntrue\n" }) {
      const tree = join(folder, `browser-${pushes += 1}`);
      await git(folder, "clone", "--quiet", join(folder, "repositories/demo.git"), tree);
      await git(tree, "switch", "--quiet", "--create", branch);
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(tree, path)), { recursive: true });
        await writeFile(join(tree, path), text);
      }
      await git(tree, "add", "--all");
      await git(tree, "commit", "--quiet", "--message", message);
      await git(tree, "push", "--quiet", "origin", `refs/heads/${branch}`);
    },
    async stop() {
      child.kill("SIGINT");
      await ended;
    },
  };
}

const git = (folder, ...args) => promisify(execFile)("git", args, {
  cwd: folder,
  env: {
    ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Kim", GIT_AUTHOR_EMAIL: "kim@example.com", GIT_COMMITTER_NAME: "Kim", GIT_COMMITTER_EMAIL: "kim@example.com",
  },
});
