// Ask Node for every line of standard input: id, URL, roots in base64; see ../asking.py.
// https.request as any program would use it; only the socket comes from the test's proxy.

"use strict";
const https = require("node:https");
const net = require("node:net");
const readline = require("node:readline");
const tls = require("node:tls");

const SECONDS = 15;
// Which keys are too short is OpenSSL's security level: 1 in Node's own builds up to 22, 2 from 24
// on and in Debian's builds of any. All are asked at the level of the newest.
const CIPHERS = `${tls.DEFAULT_CIPHERS}:@SECLEVEL=2`;
const proxyPort = Number(process.argv[2]);

/** A connection to the case's server: what the proxy opens for CONNECT. */
function tunnel(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(proxyPort, "127.0.0.1");
    socket.setTimeout(SECONDS * 1000, () => socket.destroy(new Error("the test's server is silent")));
    socket.once("error", reject);
    socket.write(`CONNECT case:${port} HTTP/1.1\r\n\r\n`);
    socket.once("data", () => {
      socket.removeListener("error", reject);
      resolve(socket);
    });
  });
}

async function ask(url, ca) {
  // Not by the URL class, which puts names in lower case and has opinions on them.
  const [, ipv6, host, port] = /^https:\/\/(?:\[([^\]]*)\]|([^:/]*)):(\d+)/.exec(url);
  const socket = await tunnel(Number(port));
  const agent = new https.Agent({ maxCachedSessions: 0 });
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, done) => connect({ ...options, socket }, done);
  return new Promise((resolve) => {
    let request;
    try {
      request = https.request({ host: ipv6 || host, port, ca, agent, ciphers: CIPHERS });
    } catch (error) {
      socket.destroy();
      resolve([false, `${error.code || ""} ${error.message}`]);
      return;
    }
    request.on("error", (error) => {
      socket.destroy();
      resolve([false, `${error.code || ""} ${error.message}`]);
    });
    request.on("response", (response) => {
      response.resume();
      socket.destroy();
      resolve([true, ""]);
    });
    request.end();
  });
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [id, url, roots] = line.split("\t");
    const pem = roots.split(",").map((root) =>
      `-----BEGIN CERTIFICATE-----\n${root.match(/.{1,64}/g).join("\n")}\n-----END CERTIFICATE-----\n`).join("");
    let accepts, text;
    try {
      [accepts, text] = await ask(url, pem);
    } catch (error) {
      [accepts, text] = [false, `${error.code || ""} ${error.message}`];
    }
    process.stdout.write(`${id}\t${accepts ? "yes" : "no"}\t${text.replace(/\s+/g, " ").trim()}\n`);
  }
}

main();
