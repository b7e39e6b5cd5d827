module mljob.dev/tools/node

go 1.25.0
