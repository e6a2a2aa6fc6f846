// Whether a group is one user's own, as most Linux systems make them with the user: then what the group may write, only
// that user may. Read from the files of users and groups; what cannot be read there is no private group.
import { readFileSync } from "node:fs";

export interface AccountFiles {
  /** Lines as in /etc/passwd and /etc/group. */
  readonly passwd: string;
  readonly group: string;
}

/** The system's files; empty where they cannot be read, which makes no group private. */
export function accountFiles(): AccountFiles {
  const read = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  return { passwd: read("/etc/passwd"), group: read("/etc/group") };
}

/** True when the group's only member is the user `uid`: by its list, and as nobody else's first group. */
export function isPrivateGroup(gid: number, uid: number, files: AccountFiles): boolean {
  const users = files.passwd.split("\n").map((line) => line.split(":"));
  const owner = users.find(([, , id]) => id === String(uid))?.[0];
  const group = files.group
    .split("\n")
    .map((line) => line.split(":"))
    .find(([, , id]) => id === String(gid));
  if (owner === undefined || owner === "" || group === undefined) return false;
  const listed = (group[3] ?? "").split(",").filter((name) => name !== "");
  if (listed.some((name) => name !== owner)) return false;
  return users.every(([name, , id, first]) => first !== String(gid) || (name === owner && id === String(uid)));
}
