// Drives a server with the TypeScript SDK 1.x, which knows the handshake.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { main } from './scenario.mjs';

await main({
  name: '@modelcontextprotocol/sdk',

  async connect(plan) {
    const client = new Client({ name: 'tests', version: '1' }, { capabilities: {} });
    const transport = transportTo(plan);
    // Over stdio nothing public tells what was agreed on, but the transport is told.
    let protocol = null;
    const tell = transport.setProtocolVersion?.bind(transport);
    transport.setProtocolVersion = version => {
      protocol = version;
      tell?.(version);
    };
    await client.connect(transport);
    return { client, protocol };
  },

  call: (client, name, given, options) =>
    client.callTool({ name, arguments: given }, undefined, options),
});

function transportTo(plan) {
  if (plan.url) {
    const headers = { Authorization: `Bearer ${plan.token}` };
    return new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers } });
  }
  const [command, ...args] = plan.command;
  return new StdioClientTransport({ command, args, env: plan.env });
}
