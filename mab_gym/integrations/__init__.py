"""Other frameworks' views of these environments: a module or package a framework, which it alone imports."""
