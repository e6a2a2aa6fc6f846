export { toolset as shared, createDocument } from "./tools/index.js";
