# Debian's package index (apt-cache dumpavail) as TSV for `kv import`: a package's name, and its stanza as one JSON object. Of
# several stanzas for one name the first is taken. In TSV a backslash is written twice.
function quote(text) {
  gsub(/\\/, "&&", text)
  gsub(/"/, "\\\"", text)
  gsub(/\t/, "\\t", text)
  gsub(/\001/, "\\n", text)
  return "\"" text "\""
}
function end_field() {
  if (name != "") json = json (json == "" ? "" : ",") quote(name) ":" quote(text)
  name = ""
}
function end_stanza(  line) {
  end_field()
  if (package != "" && !(package in seen)) {
    seen[package] = 1
    line = "{" json "}"
    gsub(/\\/, "&&", line)
    print package "\t" line
  }
  json = package = ""
}
/^$/ { end_stanza(); next }
/^[ \t]/ { text = text "\001" substr($0, 2); next }
{
  end_field()
  at = index($0, ":")
  name = substr($0, 1, at - 1)
  text = substr($0, at + 2)
  if (name == "Package") package = text
}
END { end_stanza() }
