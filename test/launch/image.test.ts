// The image is built where there is a container engine, which is not where the tests run. What can be said
// without one is said here: the Bun in it is the Bun of package.json, and the build finds every file that it
// copies.
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../../package.json'

const ROOT = join(import.meta.dir, '..', '..')
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').split('\n')
const admitted = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')

const copied = dockerfile
  .filter(line => line.startsWith('COPY ') && !line.includes('--from='))
  .flatMap(line => line.split(' ').slice(1, -1))

test('the image has the Bun that package.json names', () => {
  expect(dockerfile).toContain(`ARG BUN_VERSION=${engines.bun}`)
})

test('the image copies only what .dockerignore admits, and all of that exists', () => {
  expect(admitted.filter(line => line.startsWith('!')).sort()).toEqual(
    [...new Set(copied)].map(name => `!${name}`).sort(),
  )
  for (const name of copied) expect(existsSync(join(ROOT, name))).toBe(true)
})

test('the image does not run as root, by a number that Kubernetes can read', () => {
  expect(dockerfile.filter(line => line.startsWith('USER '))).toEqual(['USER 1000:1000'])
})

test('the image is asked for its health where every role answers', () => {
  const check = dockerfile.find(line => line.includes('/healthz'))!
  expect(check).toContain('INTERNAL_PORT')
})
