// Debian's own Chromium, without anything that calls home.
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-quic", "--no-first-run",
];

/** A browser that keeps what its pages complain about. */
export async function openBrowser() {
  const start = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  // Now and then Chromium itself dies while it starts, before it has seen any page.
  const browser = await start().catch(start);
  const troubles = [];
  const page = async (options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const opened = await context.newPage();
    opened.on("pageerror", (error) => troubles.push(String(error)));
    opened.on("console", (message) => { if (message.type() === "error") troubles.push(message.text()); });
    return opened;
  };
  return { page, troubles, close: () => browser.close() };
}
