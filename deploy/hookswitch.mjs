#!/usr/bin/env node
// The command line by its own name, where this checkout is installed (`npm install -g .`); inside the checkout it is
// `npm run cli --`. The launcher does the rest.
process.argv.splice(2, 0, 'cli')
await import('./run.mjs')
