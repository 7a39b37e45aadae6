// Drives a server with the TypeScript client 2.x, in its mode auto or legacy.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { main } from './scenario.mjs';

await main({
  name: '@modelcontextprotocol/client',

  async connect(plan) {
    const client = new Client(
      { name: 'tests', version: '1' },
      { capabilities: {}, versionNegotiation: { mode: plan.mode } },
    );
    await client.connect(transportTo(plan));
    return { client, protocol: client.getNegotiatedProtocolVersion() };
  },

  call: (client, name, given, options) =>
    client.callTool({ name, arguments: given }, options),
});

function transportTo(plan) {
  if (plan.url) {
    const headers = { Authorization: `Bearer ${plan.token}` };
    return new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers } });
  }
  const [command, ...args] = plan.command;
  return new StdioClientTransport({ command, args, env: plan.env });
}
