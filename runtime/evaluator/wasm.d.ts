// Modules of Wasm as bundlers and workers hand them over: compiled.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
