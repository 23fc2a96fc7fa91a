#!/usr/bin/env node
// `npx hookswitch call ...`: the command line by its own name. The launcher does the rest.
process.argv.splice(2, 0, 'cli')
await import('./run.mjs')
