// The page of a real service, driven with a real browser: what a person sees and clicks during the demo.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { openBrowser } from "./browser.js";
import { startDemo } from "./demo.js";

const HOSTILE = `feature/"><img/src=x/onerror=pwned=1><script>pwned=1</script>`;
const LONG = `feature/${"a-branch-name-that-does-not-end-".repeat(7)}`;
/** A stage that takes its time, so that there is something to watch. */
const SLOW = `version: 0.2
phases:
  build:
    commands:
      - for i in $(seq 1 40); do printf '\\033[32mtick %s\\033[0m\\n' "$i"; sleep 0.1; done
`;
/** The demo's stages really run, on a machine that may be busy. */
const PATIENCE = { timeout: 120_000 };

let demo, browser, page;

before(async () => {
  demo = await startDemo();
  browser = await openBrowser();
  page = await browser.page();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Fails when the browser told of an error since: a script that broke, a rule of the security policy that was hurt. */
const nothingBroke = () => assert.deepEqual(browser.troubles, []);

const gates = (on) => on.locator(".gate-card", { hasText: "prod" });

test("two gates into prod wait on the first page", async () => {
  await page.goto(demo.url);
  await gates(page).nth(1).waitFor(PATIENCE);
  await page.getByRole("heading", { name: /Waiting for you/ }).waitFor();
  assert.match(await page.title(), /^2 waiting/);
  assert.match(await page.locator("link[rel=icon]").getAttribute("href"), /wait\./);
  nothingBroke();
});

test("nothing is swapped under the hands of whoever is typing", async () => {
  await page.goto(demo.url);
  const comment = gates(page).first().getByLabel("Comment");
  await comment.fill("let me think");
  await demo.push("feature/typing", "somebody else pushes");
  await page.locator("#live[data-stale]").waitFor(PATIENCE);
  assert.equal(await comment.inputValue(), "let me think");
  await comment.fill("");
  await comment.blur();
  await page.getByRole("link", { name: "somebody else pushes" }).waitFor(PATIENCE);
  nothingBroke();
});

test("a click on approve opens the gate, and the run is seen to succeed without a reload", async () => {
  await page.goto(demo.url);
  const gate = gates(page).filter({ hasText: "v1.0.0" });
  await gate.getByLabel("Comment").fill("looks well");
  await gate.getByRole("button", { name: /^Approve/ }).click();
  await page.waitForURL(/\/runs\/[0-9a-f]{16}$/);
  await page.evaluate(() => { window.stayed = true; });
  await page.locator(".run-head .badge.good", { hasText: "succeeded" }).waitFor(PATIENCE);
  assert.equal(await page.evaluate(() => window.stayed), true, "the page was loaded again");
  assert.match(await page.title(), /^succeeded/);
  await page.getByText("Decision, artifact and statuses").click();
  await page.getByText("looks well").waitFor();
  nothingBroke();
});

test("the log of a stage is read line by line, and a line has an address", async () => {
  await page.locator(".stop a", { hasText: "test" }).first().click();
  const first = page.locator("#log .lines li").first();
  await first.waitFor();
  assert.notEqual((await first.locator("span").first().textContent()).trim(), "");
  await first.locator("a.n").click();
  assert.match(page.url(), /#L1$/);
  const raw = await page.request.get(new URL(await page.getByRole("link", { name: "Raw" }).getAttribute("href"), demo.url).href);
  assert.equal(raw.headers()["content-type"], "text/plain; charset=utf-8");
  assert.ok(Number(raw.headers()["x-next-offset"]) > 0);
  nothingBroke();
});

test("a log that is being written is followed, and so is the way from step to step", async () => {
  await page.goto(demo.url);
  await demo.push("feature/slow", "take your time", { "buildspecs/lint.yml": SLOW });
  await page.getByRole("link", { name: "take your time" }).click();
  await page.evaluate(() => { window.stayed = true; });
  await page.locator("#log[data-step=lint] .lines li", { hasText: /^tick 2$/ }).waitFor(PATIENCE);
  await page.locator("#log[data-step=lint] .lines .c-green", { hasText: /^tick 30$/ }).waitFor(PATIENCE);
  const numbers = await page.locator("#log .lines li").evaluateAll((lines) => lines.map((line) => line.id));
  assert.deepEqual(numbers, numbers.map((_, i) => `L${i + 1}`), "a line is missing or there twice");
  assert.equal(await page.locator("#log .box").evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40), true);
  await page.locator("#log[data-step=test]").waitFor(PATIENCE);
  assert.equal(await page.evaluate(() => window.stayed), true, "the page was loaded again");
  nothingBroke();
});

test("a hostile branch name is shown as it is, and does nothing", async () => {
  await page.goto(demo.url);
  await demo.push(HOSTILE, "<b>bold</b> words");
  await page.locator(".ref", { hasText: HOSTILE }).first().waitFor(PATIENCE);
  await page.getByRole("link", { name: "<b>bold</b> words" }).click();
  await page.locator(".run-head .ref", { hasText: HOSTILE }).waitFor();
  for (const address of ["/", "/deliveries", "/rules"]) {
    await page.goto(demo.url + address);
    assert.equal(await page.evaluate(() => typeof window.pwned), "undefined", address);
    assert.equal(await page.locator("script").count(), 1, address);
  }
  nothingBroke();
});

test("the rules show their hits, try a push and another file", async () => {
  await page.goto(`${demo.url}/rules`);
  const routes = page.locator("#routes ~ ol.routes > li");
  await routes.filter({ hasText: /[1-9]\d* hits?/ }).first().waitFor();
  await page.getByLabel("Branch").fill(`nowhere/${"<b>x</b>"}`);
  await page.getByLabel("Who pushes").fill("mallory");
  await page.getByLabel(/^Changed files/).fill("src/a\nsrc/b");
  await page.getByRole("button", { name: "Where does it go?" }).click();
  const receipt = page.locator("section.receipt pre");
  await receipt.getByText("nowhere/<b>x</b>").waitFor();
  const said = await receipt.textContent();
  assert.match(said, /changed +src\/a, src\/b/);
  assert.match(said, /by mallory/);
  assert.match(said, /nearest +\S+: .+\nneeded +/);

  await page.getByRole("link", { name: "The rules in force" }).click();
  const file = page.getByLabel("The whole file");
  await file.fill("version: 2\n<script>");
  await page.getByRole("button", { name: "What would change?" }).click();
  await page.getByText("no rule file that could be in force").waitFor();
  await file.fill("version: 1\nrepositories: [{local: demo}]\nroutes: [{name: all, any: true, pipeline: none}]\n");
  await page.getByRole("button", { name: "What would change?" }).click();
  await page.locator("p.lead", { hasText: /\d+ of \d+ decisions change/ }).waitFor();
  await page.locator("table.plan td", { hasText: "all: nothing" }).first().waitFor();
  await page.locator("table.plan a").first().click();
  await page.getByRole("heading", { name: "Because" }).waitFor();
  nothingBroke();
});

for (const colorScheme of ["light", "dark"]) {
  test(`a phone in ${colorScheme} colours need not scroll sideways`, async () => {
    const phone = await browser.page({ viewport: { width: 390, height: 844 }, colorScheme });
    await demo.push(LONG + colorScheme, "w".repeat(150));
    await phone.goto(demo.url);
    await phone.locator(".ref", { hasText: LONG + colorScheme }).first().waitFor(PATIENCE);
    const hrefs = await phone.locator(".runs a.title").evaluateAll((links) => links.slice(0, 3).map((link) => link.pathname));
    await phone.goto(`${demo.url}/deliveries`);
    hrefs.push(await phone.locator(".deliveries a.title").first().evaluate((link) => link.pathname));
    for (const address of ["/", "/runs", "/deliveries", "/rules", "/nowhere", ...hrefs]) {
      await phone.goto(demo.url + address);
      const [content, window] = await phone.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= window, `${address} is ${content} wide`);
    }
  });
}

test("without JavaScript everything is read and decided", async () => {
  const plain = await browser.page({ javaScriptEnabled: false });
  await plain.goto(demo.url);
  await gates(plain).first().getByRole("button", { name: /^Reject/ }).click();
  await plain.waitForURL(/\/runs\/[0-9a-f]{16}$/);
  await plain.locator(".run-head .badge.bad", { hasText: "rejected" }).waitFor();
  await plain.locator(".stop a").first().click();
  assert.ok((await plain.locator("#log .lines li").count()) > 0);
  await plain.getByText("Decision, artifact and statuses").click();
  await plain.getByRole("link", { name: /^receipt/ }).click();
  await plain.getByRole("heading", { name: "Because" }).waitFor();
});

test("a page of another site cannot decide", async () => {
  const other = await browser.page();
  // The same machine on another port: same site, other origin.
  await other.route("http://127.0.0.1:1/", (route) => route.fulfill({
    contentType: "text/html",
    body: `<form method="post" action="${demo.url}/runs/0123456789abcdef/cancel"><button>win</button></form>`,
  }));
  await other.goto("http://127.0.0.1:1/");
  const [answer] = await Promise.all([other.waitForResponse(/cancel$/), other.getByText("win").click()]);
  assert.equal(answer.status(), 403);
});
