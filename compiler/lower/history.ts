// Queries over a session's calls to rows of the image. One row for each text; which tools feed it is for the agent's plans.
import { Track } from "../../vm/shared/image.ts";
import { Root } from "../../vm/shared/isa.ts";
import { type Query, queryText } from "../history.ts";
import { argumentPath } from "../names.ts";
import type { Program } from "./program.ts";

/** The number of the query's row. */
export function lowerQuery(program: Program, query: Query): number {
  const text = queryText(query);
  return program.tracks.add(text, () => ({
    name: program.string(text),
    kind: kindOf(query),
    places: query.kind === "sequence" ? query.patterns.length : 1,
    field: query.kind === "sum" ? program.field(Root.Args, argumentPath(query.path)) : null,
    windowUs: "windowUs" in query ? (query.windowUs ?? 0) : 0,
  }));
}

function kindOf(query: Query): Track {
  switch (query.kind) {
    case "count":
      return query.windowUs === null ? Track.Count : Track.CountWindow;
    case "sum":
      return query.windowUs === null ? Track.Sum : Track.SumWindow;
    case "within":
      return Track.Within;
    case "sequence":
      return Track.Sequence;
    case "denials":
      return Track.Denials;
  }
}
