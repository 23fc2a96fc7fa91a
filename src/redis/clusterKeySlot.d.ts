// ioredis's own way to know a key's Cluster slot; it comes without types.
declare module 'cluster-key-slot' {
  /** 0 to 16,383, of the hash tag if the key has one. */
  export default function calculateSlot(key: string): number
}
